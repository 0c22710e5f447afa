"""Who is calling: JSON Web Tokens, key sets, replay protection."""
