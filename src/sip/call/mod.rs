//! What happens in a call, from its INVITE to its BYE?

pub(crate) mod asked;
pub(crate) mod auto_answer;
pub(crate) mod chorus;
pub(crate) mod dialling;
pub(crate) mod dialog;
pub(crate) mod early;
pub(crate) mod established;
pub(crate) mod inside;
pub(crate) mod invited;
pub(crate) mod keys;
pub(crate) mod plan;
pub(crate) mod pressing;
pub(crate) mod reason;
pub(crate) mod redirect;
pub(crate) mod reliable;
pub(crate) mod renewing;
pub(crate) mod replaces;
pub(crate) mod session_timer;
