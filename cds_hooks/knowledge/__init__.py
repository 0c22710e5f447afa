"""Clinical knowledge as data: YAML files, their schema and a strict loader."""
