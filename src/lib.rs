//! Switchyard: one Redis address in front of many plain cache nodes.
