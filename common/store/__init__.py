"""The customer store: the SQL database of what needs memory (SQLite on one host, PostgreSQL for a fleet).

`database` opens it and runs transactions, `tables` says what it holds, `values` what a row is. Only the owner of a
partition writes, behind the fence of `partitions`; everybody may read.
"""
