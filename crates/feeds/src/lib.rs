//! Live feeds: transport, codec and mapping become commands; nothing is acknowledged before it is on disk.
