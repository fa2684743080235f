//! How much is too much, and for how long is nobody heard then?

use crate::sip::door::sources::{Limit, Millis};

/// One minute, then four times as long with each silence in a row, four hours at most.
pub(crate) fn silence_for(level: u32) -> Millis {
    FIRST_SILENCE
        .saturating_mul(4_u64.saturating_pow(level))
        .min(LONGEST_SILENCE)
}

/// A PBX at its worst; beyond it nothing of one source is looked at.
pub(crate) const EVERYTHING: Limit = limit(10_000.0, 20_000.0);

/// Twice what this program has to bear from one PBX.
pub(crate) const CALLS: Limit = limit(2_000.0, 4_000.0);

/// A proxy asks every second at most whether we live.
pub(crate) const PROBES: Limit = limit(10.0, 50.0);

/// A house of two hundred and fifty phones behind one address that comes back after a power cut: all
/// ask before the first has proved anything, then all prove. What a right password took is given back.
pub(crate) const ATTEMPTS: Limit = limit(20.0, 500.0);

/// Messages beyond a budget before it is no accident any more.
pub(crate) const PATIENCE: Limit = limit(5.0, 200.0);

/// Somebody who dials has ten tries.
pub(crate) const NUMBERS: Limit = limit(1.0 / 60.0, 10.0);

/// Somebody who types has ten tries.
pub(crate) const PASSWORDS_OF_NAME: Limit = limit(1.0 / 60.0, 10.0);

/// A phone with a wrong password tries twice a minute at most, and is not alone behind its
/// address.
pub(crate) const PASSWORDS: Limit = limit(4.0 / 60.0, 20.0);

/// Where a phone of ours is there may be a house full of them, all with last year's password.
pub(crate) const PASSWORDS_OF_KNOWN: Limit = limit(0.5, 100.0);

/// What all who have not proved a password may start together. An attack from invented
/// addresses meets it; who is known passes by it.
pub(crate) const ALL_CALLS: Limit = limit(3_000.0, 6_000.0);
pub(crate) const ALL_OTHERS: Limit = limit(1_000.0, 3_000.0);

/// Lines for the operator; an attack from invented addresses shall not fill the disk.
pub(crate) const TELLING: Limit = limit(0.2, 20.0);

const fn limit(a_second: f64, most: f64) -> Limit {
    Limit { a_second, most }
}

const FIRST_SILENCE: Millis = 60_000;
const LONGEST_SILENCE: Millis = 4 * 3_600_000;

/// Who was heard within that time before the end of its silence has not given up.
pub(crate) const STILL_SENDING: Millis = 10_000;

/// A day without offence clears the past.
pub(crate) const FORGIVE_AFTER: Millis = 24 * 3_600_000;

/// What may be sent for what came, until the source has shown that it hears us: as much as
/// QUIC grants (RFC 9000 §8.1). It is enough to ring, to answer, and to answer once more.
pub(crate) const WORTH: usize = 3;

/// What a call is worth however short it is: 100, 180 and an answer with an offer in it.
pub(crate) const ONE_ANSWER: usize = 1_500;

/// A hundred calls' worth, whatever came.
pub(crate) const MOST_CREDIT: usize = 200_000;

/// As long as the longest registration, and a little.
pub(crate) const KNOWN_FOR: Millis = 3_700_000;

/// A registrar hears from us much more often, and a call that we make is seldom longer.
pub(crate) const FRIEND_FOR: Millis = 4 * 3_600_000;

/// 1,024 names at their sources.
pub(crate) const N_NAME_SETS: usize = 256;

/// Characters that an operator needs to know whom it is about.
pub(crate) const LONGEST_NAME: usize = 64;

/// Registrars and those we call.
pub(crate) const FRIENDS: usize = 1_024;
