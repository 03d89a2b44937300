//! Who a process is.

/// Who a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sources to the touchpoints log.
    Intake,
    /// Touchpoints to sessions and to the people's log.
    Sessionize,
    /// People to journeys.
    Journey,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 3] = [Role::Intake, Role::Sessionize, Role::Journey];
}
