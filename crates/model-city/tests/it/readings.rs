//! Entities and what devices say.

use ngsi::parse::Purpose;

use super::support::{city, time, understood};

#[test]
fn every_entity_is_understood() {
    let city = city(1, 30_000);
    let mut count = 0;
    for entity in city.entities() {
        understood(&entity, Purpose::Whole);
        assert_eq!(entity["simulated"]["value"], true);
        count += 1;
    }
    assert!(count > city.sensors());
    println!("{count} entities, {} vehicles", city.vehicles());
}

#[test]
fn life_is_the_same_in_whatever_steps_it_is_asked_for() {
    let city = city(1, 30_000);
    let start = time("2026-11-22T03:00:00Z");
    let whole: Vec<_> = city
        .life(start)
        .advance(start.plus_micros(120_000_000))
        .collect();
    let mut steps = Vec::new();
    let mut life = city.life(start);
    for second in 1..=120 {
        steps.extend(life.advance(start.plus_micros(second * 1_000_000)));
    }
    assert_eq!(whole, steps);
    assert!(whole.windows(2).all(|pair| pair[0].at <= pair[1].at));
    println!("{} readings in two minutes", whole.len());
}
