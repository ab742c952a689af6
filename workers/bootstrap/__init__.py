"""The composition root: settings in, a wired worker out. Only here are clients, threads and servers created."""
