//! Access keys, SigV4 and connection tokens.
