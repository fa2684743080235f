//! Do the rules of paging hold? Scenarios as sentences, then random ones.

mod audience;
mod calls;
mod changes;
mod dictation;
mod endings;
mod gate;
mod held;
mod held_alone;
mod lines;
mod music;
mod oracle;
mod orders;
mod plan;
mod properties;
mod queue;
mod random_pages;
mod ranks;
mod recordings;
mod rhythm;
mod silence;
mod site;
mod sound;
mod speech;
mod stops;
mod streams;
mod world;
