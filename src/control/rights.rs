//! What may somebody ask for who is not on the phone?

use std::fmt;

use crate::base::ZoneSet;
use crate::page::Priority;

/// What one is trusted with; each includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks, and changes nothing.
    #[default]
    Viewer,
    /// Pages, stops pages and hangs up.
    Operator,
    /// As an operator, emergencies included.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// As it is written in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The highest priority of pages that it may start and stop; `None` for none at all.
    pub fn most(self) -> Option<Priority> {
        match self {
            Self::Viewer => None,
            Self::Operator => Some(Priority::BELOW_EMERGENCY),
            Self::Admin => Some(Priority::HIGHEST),
        }
    }
}

/// As `Role::name`.
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one of the users may do, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    pub role: Role,
    /// The zones that pages may sound in; `None` for all.
    pub zones: Option<ZoneSet>,
}

/// Why something is not done as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It takes at least this role.
    Role(Role),
    /// Pages of this user may have this priority at most.
    Priority(Priority),
    /// These zones are not for this user.
    Zones(ZoneSet),
    /// There is no such thing, or no longer.
    Gone,
    /// Others are heard in its zones, and it does not wait.
    Busy,
    /// Nobody would hear it.
    NoSound,
    /// As many pages as allowed wait already.
    TooMany,
    /// The daemon is about to end.
    ShuttingDown,
}

impl Rights {
    /// Whoever is at the machine itself.
    pub const ALL: Self = Self {
        role: Role::Admin,
        zones: None,
    };

    /// Whether the role is this one or more.
    ///
    /// # Errors
    /// The role that it takes.
    pub fn has(&self, role: Role) -> Result<(), Denied> {
        if self.role < role {
            return Err(Denied::Role(role));
        }
        Ok(())
    }

    /// Whether a page of this priority may be started or stopped in these zones.
    ///
    /// # Errors
    /// What is missing.
    pub fn allow(&self, priority: Priority, zones: &ZoneSet) -> Result<(), Denied> {
        let Some(most) = self.role.most() else {
            return Err(Denied::Role(Role::Operator));
        };
        if priority > most {
            return Err(Denied::Priority(most));
        }
        let strange = match &self.zones {
            Some(own) => zones.difference(own),
            None => ZoneSet::EMPTY,
        };
        if strange.is_empty() {
            return Ok(());
        }
        Err(Denied::Zones(strange))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ZoneId;

    #[test]
    fn a_role_bounds_the_priority_and_zones_bound_the_place() {
        let (hall, both) = (ZoneSet::first(1), ZoneSet::first(2));
        let rights = |role, zones| Rights { role, zones };
        let viewer = rights(Role::Viewer, None);
        assert_eq!(
            viewer.allow(Priority(0), &hall),
            Err(Denied::Role(Role::Operator))
        );
        let operator = rights(Role::Operator, Some(hall));
        assert_eq!(operator.allow(Priority(199), &hall), Ok(()));
        assert_eq!(
            operator.allow(Priority(200), &hall),
            Err(Denied::Priority(Priority(199)))
        );
        let strange = ZoneSet::from(ZoneId(1));
        assert_eq!(
            operator.allow(Priority(1), &both),
            Err(Denied::Zones(strange))
        );
        assert_eq!(Rights::ALL.allow(Priority(255), &both), Ok(()));
    }
}
