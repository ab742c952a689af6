"""In which partition Kafka's Java clients, and every producer of ours, put a key: murmur2, modulo the count.

Source: org.apache.kafka.common.utils.Utils.murmur2 and BuiltInPartitioner.partitionForKey.
"""

_SEED, _M, _R = 0x9747B28C, 0x5BD1E995, 24
_MASK = 0xFFFFFFFF


def partition_of(key: bytes, count: int) -> int:
    """The partition of a key among `count`."""
    return (murmur2(key) & 0x7FFFFFFF) % count


def murmur2(data: bytes) -> int:
    """The 32-bit hash, unsigned."""
    whole = len(data) & ~3
    value = _SEED ^ len(data)
    for start in range(0, whole, 4):
        word = (int.from_bytes(data[start : start + 4], "little") * _M) & _MASK
        word = ((word ^ (word >> _R)) * _M) & _MASK
        value = ((value * _M) & _MASK) ^ word
    if rest := data[whole:]:
        value = ((value ^ int.from_bytes(rest, "little")) * _M) & _MASK
    value = ((value ^ (value >> 13)) * _M) & _MASK
    return value ^ (value >> 15)
