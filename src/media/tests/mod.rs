//! Does the whole receive path hold what it promises, over an emulated network and card?

mod broadcast;
mod codecs;
mod listen;
mod live;
mod network;
mod oddities;
mod rig;
