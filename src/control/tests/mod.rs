//! Do the rules of paging hold? Scenarios as sentences, then random ones.

mod calls;
mod lines;
mod oracle;
mod properties;
mod site;
mod sound;
mod world;
