//! What goes wrong, and when: drawn before a schedule begins.

use crate::scene::Scene;

/// Steps of the scheduler before everything is let come to rest.
pub(crate) const STEPS: u64 = 700;

/// Something that goes wrong at a step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Kill,
    Zombie,
    Freeze,
    Wake,
    Move,
    Join,
    Generation,
    ServerRestart,
    ServerAway,
    ServerBack,
    Backup,
    Restore,
    /// A copy is put back that was made a moment ago.
    Rollback,
    PowerCut,
    Damage,
    /// The store of the snapshots is lost, with all that is in it.
    StoreLost,
    RegistryAway,
    RegistryBack,
    LongPause,
    /// Every processor that does not know of a restored copy starts again.
    KillOutdated,
    /// Nobody is left who decides under an older configuration.
    RollOutEnds,
    /// Other rules are given out.
    Rules,
}

/// What goes wrong in a schedule, and at which step.
pub(crate) fn faults(scene: &Scene) -> Vec<(u64, Fault)> {
    let dice = &scene.dice;
    let mut faults = Vec::new();
    let mut often = |fault, per_mille: u64, most: u64| {
        if dice.chance(per_mille) {
            for _ in 0..=dice.below(most) {
                faults.push((dice.below(STEPS), fault));
            }
        }
    };
    // Apart, so that schedules are alike but for these; in one of three, and in one of five.
    let apart = dice.apart();
    let rules = apart.chance(333).then(|| (apart.below(STEPS), Fault::Rules));
    let lost = apart.chance(200).then(|| (apart.below(STEPS), Fault::StoreLost));
    often(Fault::Kill, 850, 10);
    often(Fault::Zombie, 700, 5);
    often(Fault::Freeze, 300, 3);
    often(Fault::Wake, 700, 6);
    often(Fault::Move, 500, 5);
    often(Fault::Join, 300, 3);
    often(Fault::Generation, 400, 2);
    often(Fault::ServerRestart, 400, 4);
    often(Fault::LongPause, 300, 2);
    // What reaches further back than logs and snapshots are kept is not mixed with their being shortened.
    if scene.retention_ms.is_none() {
        often(Fault::Backup, 500, 3);
        often(Fault::Restore, 500, 2);
        often(Fault::Rollback, 200, 3);
        often(Fault::PowerCut, 150, 1);
        often(Fault::Damage, 300, 3);
        faults.extend(lost);
    }
    for (away, back, per_mille) in
        [(Fault::ServerAway, Fault::ServerBack, 300), (Fault::RegistryAway, Fault::RegistryBack, 150)]
    {
        if dice.chance(per_mille) {
            let from = dice.below(STEPS);
            faults.push((from, away));
            faults.push((from + dice.below(60), back));
        }
    }
    faults.extend(rules);
    faults
}
