//! Every state of small worlds.

use stateright::{Checker as _, Model, Property};

use crate::size::{Broken, Size};
use crate::walks::number;
use crate::world::{Step, World};

/// A world, and how large it may become.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) size: Size,
    pub(crate) broken: Broken,
}

impl Model for Checked {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.size)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        steps.extend(world.steps(self.size));
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        world.after(&step, self.broken)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing acknowledged is lost", |_, world: &World| {
                world.fault.is_none()
            }),
            Property::sometimes(
                "a write is acknowledged after a promotion",
                |_, world: &World| {
                    world.document.epoch.0 > 1
                        && world.places.iter().any(|place| {
                            let own = place.log.iter().any(|(epoch, write)| {
                                epoch.0 > 1 && world.acknowledged.contains(write)
                            });
                            own && place.replica.serving_epoch() == Some(world.document.epoch)
                        })
                },
            ),
        ]
    }
}

/// How far a small world is explored.
fn check(size: Size) {
    let model = Checked {
        size,
        broken: Broken::Nothing,
    };
    let checker = model.checker().threads(2).spawn_bfs().join();
    eprintln!(
        "{size:?}: {} states, {} of them different",
        checker.state_count(),
        checker.unique_state_count()
    );
    if let Some(path) = checker.discovery("nothing acknowledged is lost") {
        for (world, step) in path.into_vec() {
            eprintln!("{world}then {step:?}");
        }
        panic!("an acknowledged write was lost");
    }
    checker.assert_any_discovery("a write is acknowledged after a promotion");
}

/// `SWITCHYARD_MODEL_CHANGES` is how often the document may change; with 2 there are a million states, with 3 some hundred times as many.
#[test]
fn two_nodes_lose_nothing() {
    let changes = number("SWITCHYARD_MODEL_CHANGES", 1);
    check(Size {
        nodes: 2,
        writes: 2,
        changes,
        restarts: 0,
        reads: false,
    });
}
