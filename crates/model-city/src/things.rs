//! What no file carries: the city itself, its districts, and every device with its name and place.

use ingest::entity::{Entity, Text};
use ingest::vocabulary::{Model as Words, urn};
use serde_json::{Value, json};

use crate::SLUG;
use crate::devices::{Device, KINDS, Kind};
use crate::ground::Spot;
use crate::model::Model;
use crate::names::{self, Name};

/// All entities, one by one: they are many.
pub(crate) fn all(model: &Model) -> impl Iterator<Item = Value> + '_ {
    let districts = (0..model.places.districts.len()).map(|number| district(model, number));
    let devices = KINDS.into_iter().flat_map(move |kind| {
        (0..model.devices.of(kind).len()).map(move |number| device(model, kind, number))
    });
    [city(model)].into_iter().chain(districts).chain(devices)
}

fn plain(kind: &str, local: &str) -> Entity {
    let id = if local.is_empty() {
        format!("urn:ngsi-ld:{kind}:{SLUG}")
    } else {
        urn(kind, SLUG, local)
    };
    Entity::plain(Words::BUILDING, kind, id)
}

/// Marks an entity as simulated, names it and closes it.
fn finished(mut entity: Entity, name: &Name) -> Value {
    entity.text("name", Some(name.text()));
    entity.extra("simulated", true);
    entity.into_value()
}

fn polygon(outline: &[Spot]) -> Value {
    let ring: Vec<[f64; 2]> = outline.iter().map(|spot| spot.degrees()).collect();
    json!({"type": "Polygon", "coordinates": [ring]})
}

fn city(model: &Model) -> Value {
    let mut entity = plain("City", "");
    let [west, south, east, north] = model.ground.bounds();
    let ring = [
        [west, south],
        [east, south],
        [east, north],
        [west, north],
        [west, south],
    ];
    entity.geometry(
        "location",
        &json!({"type": "Polygon", "coordinates": [ring]}),
    );
    entity.extra("timezone", model.zone);
    entity.extra("population", crate::chance::whole(model.counts.inhabitants));
    let description = Text::Languages(vec![
        (
            "en".to_owned(),
            "A simulated city: no place on Earth, no people in it.".to_owned(),
        ),
        (
            "ru".to_owned(),
            "Смоделированный город: его нет на Земле, и в нём никто не живёт.".to_owned(),
        ),
        (
            "zh".to_owned(),
            "模拟城市：地球上并不存在，也无人居住。".to_owned(),
        ),
    ]);
    entity.text("description", Some(description));
    finished(entity, &model.name)
}

fn district(model: &Model, number: usize) -> Value {
    let district = &model.places.districts[number];
    let mut entity = plain("District", &format!("{:02}", number + 1));
    entity.geometry("location", &polygon(&district.outline));
    entity.extra_relationship("city", &format!("urn:ngsi-ld:City:{SLUG}"));
    finished(entity, &district.name)
}

/// An entity of a device, without what it measures.
fn device(model: &Model, kind: Kind, number: usize) -> Value {
    let device = &model.devices.of(kind)[number];
    let (name, words) = kind.kind();
    let id = kind.urn(number);
    let mut entity = match words {
        Some(words) => Entity::new(Words(words), name, id),
        None => Entity::plain(Words::BUILDING, name, id),
    };
    // What moves has its place from its readings alone.
    if !kind.moves() {
        let [lon, lat] = device.spot.degrees();
        entity.place(lon, lat);
        let district = model.places.district(device.spot);
        entity.extra_relationship(
            "district",
            &urn("District", SLUG, &format!("{:02}", district + 1)),
        );
    }
    more(&mut entity, model, kind, device);
    finished(entity, &called(model, kind, number, device))
}

/// What only some kinds have, and what never changes.
fn more(entity: &mut Entity, model: &Model, kind: Kind, device: &Device) {
    let size = crate::chance::whole(device.size);
    match kind {
        Kind::Traffic => {
            // The map writes streets as its first ways.
            entity.relationship(
                "refRoadSegment",
                &format!("urn:ngsi-ld:RoadSegment:osm:way:{}", device.link + 1),
            );
            entity.property("laneId", 1);
        }
        Kind::Air => entity.property("typeofLocation", "outdoor"),
        Kind::Parking => {
            entity.property("totalSpotNumber", size);
            entity.property("category", json!(["public"]));
        }
        Kind::Power => entity.extra("ratedPower", size),
        Kind::Museum => entity.extra("room", json!(true)),
        Kind::Hospital => entity.extra("totalBeds", size),
        Kind::School => entity.extra("totalPlaces", size),
        Kind::Ship => {
            let berth = (device.link < model.counts.berths).then(|| Kind::Berth.urn(device.link));
            if let Some(berth) = berth {
                entity.extra_relationship("berth", &berth);
            }
        }
        Kind::Drone
        | Kind::Berth
        | Kind::Weather
        | Kind::Meter
        | Kind::Water
        | Kind::Bench
        | Kind::Light => {}
    }
}

/// The name of a device: what it is, and where.
fn called(model: &Model, kind: Kind, number: usize, device: &Device) -> Name {
    let ordinal = number + 1;
    let district = &model.places.districts[model.places.district(device.spot)].name;
    let street = |way: usize| {
        let street = model.streets.ways.get(way).map_or(0, |way| way.street);
        &model.streets.names[street]
    };
    let at_node = |node: usize| {
        let edge = model
            .streets
            .at
            .get(node)
            .and_then(|edges| edges.first())
            .copied()
            .unwrap_or(0);
        &model.streets.names[model.streets.edges[edge].street]
    };
    let of = |name: &Name, [en, ru, zh]: [&str; 3]| {
        Name::new(
            format!("{en} {ordinal}, {}", name.en),
            format!("{ru} {ordinal}, {}", name.ru),
            format!("{}{zh}{ordinal}", name.zh),
        )
    };
    match kind {
        Kind::Traffic => of(
            street(device.link),
            ["Traffic counter", "Датчик движения", "交通检测器"],
        ),
        Kind::Air => of(district, ["Air station", "Пост воздуха", "空气监测站"]),
        Kind::Weather => of(district, ["Weather station", "Метеостанция", "气象站"]),
        Kind::Parking => of(at_node(device.link), ["Car park", "Парковка", "停车场"]),
        Kind::Power => of(
            at_node(device.link),
            ["Transformer", "Трансформатор", "变压器"],
        ),
        Kind::Museum => names::room(number),
        Kind::Berth => Name::new(
            format!("Berth {ordinal}"),
            format!("Причал {ordinal}"),
            format!("{ordinal}号泊位"),
        ),
        Kind::Hospital => model.places.hospitals[device.link].name.clone(),
        Kind::School => model.places.schools[device.link].name.clone(),
        Kind::Ship => names::ship(number),
        Kind::Drone => Name::new(
            format!("Drone {ordinal}"),
            format!("Дрон {ordinal}"),
            format!("无人机{ordinal}"),
        ),
        Kind::Meter => of(district, ["Power meter", "Счётчик энергии", "电表"]),
        Kind::Water => of(district, ["Water meter", "Счётчик воды", "水表"]),
        Kind::Bench => of(district, ["Solar bench", "Солнечная скамья", "太阳能长椅"]),
        Kind::Light => of(street(device.link), ["Streetlight", "Фонарь", "路灯"]),
    }
}
