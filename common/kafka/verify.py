"""Whether librdkafka takes a site's properties, asked of librdkafka itself; nobody is contacted."""

from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaException, Producer


def complaint(kafka: Mapping[str, Any]) -> str:
    """What librdkafka says against these properties: the first one only. Empty when it takes them.

    It reads certificates and keys, too. Without addresses it has nobody to connect to; a token of OIDC is
    not asked for.
    """
    alone = {name: value for name, value in kafka.items() if name != "sasl.oauthbearer.method"}
    try:
        client = Producer({**alone, "bootstrap.servers": "", "log_level": "0"})
    except KafkaException as error:
        return str(error.args[0].str()).strip()
    except (TypeError, ValueError) as error:
        return str(error)
    client.close()
    return ""
