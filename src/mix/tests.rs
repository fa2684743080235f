//! Does the mixer as a whole do what it promises, by number?
