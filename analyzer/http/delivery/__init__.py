"""How plain HTTP delivers messages: polls, long polls, streams and server-sent events."""
