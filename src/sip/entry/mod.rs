//! Which arriving bytes become a message that the stack may see?

pub(crate) mod body;
pub(crate) mod echo;
pub(crate) mod head;
pub mod ingress;
pub(crate) mod intake;
pub(crate) mod judge;
pub(crate) mod merged;
pub(crate) mod once;
pub(crate) mod peek;
pub(crate) mod spelling;
