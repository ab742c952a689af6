"""File drops: lines and records of files and pipes become events, each once in place, however often we crash."""
