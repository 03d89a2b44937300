-- The database all tables live in.
CREATE DATABASE IF NOT EXISTS {database} {on_cluster}
