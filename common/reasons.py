"""Why a delivery ended or waits, and why a route stands still: closed sets, safe as metric labels."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a delivery (or a record) got its verdict."""

    # a record that no flow can use
    NOT_AVRO = "not_avro"  # no magic byte and schema id in front
    UNKNOWN_SCHEMA = "unknown_schema"  # nobody knows the schema id
    UNSAFE_SCHEMA = "unsafe_schema"  # a writer schema that can exhaust memory
    INCOMPATIBLE_SCHEMA = "incompatible_schema"  # the writer's schema does not resolve to ours
    MALFORMED = "malformed"  # bytes that their own schema cannot read
    OVERSIZED = "oversized"  # larger than we, or the vendor, accept
    TOMBSTONE = "tombstone"  # a null value where none is legal
    WRONG_KEY = "wrong_key"  # a key other than the topic file prescribes
    INVALID_SIGNAL = "invalid_signal"  # a source's signal whose fields are missing or wrong
    # a delivery that ends
    INVALID_PARAMETER = "invalid_parameter"  # the action's parameters cannot be made from this event
    MISSING_CUSTOMER = "missing_customer"  # the action needs an identity that the event lacks
    MISSING_TARGET = "missing_target"  # what the action writes to is not there: a workspace, a folder, a document
    INVALID_FIELD = "invalid_field"  # the vendor refused this record's data
    REFUSED = "refused"  # the vendor refused a request of this one record
    FLOW_GONE = "flow_gone"  # a retried delivery whose flow is not in the catalogue any more
    EXHAUSTED = "exhausted"  # deferred for longer than we keep trying
    IN_DOUBT = "in_doubt"  # nobody can tell whether the vendor acted; sending again might contact twice
    BUG = "bug"  # our own code failed on this record
    EXPIRED = "expired"  # past the event's own expires_at
    CONSENT = "consent"  # no allowed channel
    DUPLICATE = "duplicate"  # the same event at another position
    SUPERSEDED = "superseded"  # newer state is already known
    # a delivery that goes on
    VENDOR_ERROR = "vendor_error"  # 5xx or an answer nobody can read
    TIME_OUT = "time_out"  # no answer in time
    CONNECTION = "connection"  # the connection broke
    THROTTLED = "throttled"  # the vendor asked for patience for this record
    CONFLICT = "conflict"  # somebody else changed the same thing at the vendor, again and again


class Cause(StrEnum):
    """Why a route or a partition is held."""

    THROTTLED = "throttled"
    QUOTA = "quota"
    VENDOR_DOWN = "vendor_down"
    AMBIGUOUS = "ambiguous"  # an answer to a once-action could not be read: probe before more is risked
    CREDENTIALS = "credentials"
    CONFIGURATION = "configuration"  # a campaign, a permission or a path at the vendor is wrong
    REGISTRY_DOWN = "registry_down"
    STORE_DOWN = "store_down"
    CONSENT_STALE = "consent_stale"
    READER_TOO_OLD = "reader_too_old"
    LOG_UNREADABLE = "log_unreadable"  # recent records cannot be read, so that duplicates cannot be told
    OFFSET_LOST = "offset_lost"  # a partition's committed offset is outside of its log
    DEAD_LETTERS_AWAY = "dead_letters_away"
    FLOOD = "flood"  # too many dead letters in a row with one reason
