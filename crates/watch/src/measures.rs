//! The measures of the city: which entities each is made from, and how.
//! What each means in words stands in `docs/guide/city-now.md`; keep the two the same.

/// The type of the entities whose history is that of the measures.
pub(crate) const KPI_TYPE: &str =
    "https://smartdatamodels.org/dataModel.KeyPerformanceIndicator/KeyPerformanceIndicator";
/// The short name of that type: what has it is never an input.
pub(crate) const KPI_SHORT: &str = "KeyPerformanceIndicator";
/// Their attribute.
pub(crate) const KPI_VALUE: &str =
    "https://smartdatamodels.org/dataModel.KeyPerformanceIndicator/kpiValue";
/// How their ids begin; the measure's word follows.
pub(crate) const KPI_URN: &str = "urn:ngsi-ld:KeyPerformanceIndicator:chorsu:";
/// How many measures are shown at most.
pub(crate) const SHOWN_MAX: usize = 8;
/// Which are left out first when there are more.
pub(crate) const LEFT_OUT: [&str; 2] = ["temperature", "vehicles-moving"];

/// How many measures there are.
pub(crate) const COUNT: usize = MEASURES.len();

/// One measure.
#[derive(Debug)]
pub(crate) struct Definition {
    /// Its word.
    pub(crate) id: &'static str,
    /// UN/CEFACT code of its unit.
    pub(crate) unit: Option<&'static str>,
    /// With how many decimals it is shown.
    pub(crate) digits: u8,
    /// How it is made.
    pub(crate) how: How,
    /// Short names of the types of the entities that it is made from.
    pub(crate) types: &'static [&'static str],
    /// Short names of the attributes, the preferred ones first.
    pub(crate) value: &'static [&'static str],
    /// Short names of the attributes that say how much there is on the whole.
    pub(crate) total: &'static [&'static str],
    /// Its name in English, Russian and Chinese.
    pub(crate) names: [&'static str; 3],
}

/// How a measure is made from its entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// The mean of the values.
    Mean,
    /// Their sum.
    Sum,
    /// How many entities have a value above a small one, or none at all.
    Moving,
    /// How many entities say yes: `true`, one of [`YES`], a number above 0.
    Yes,
    /// How many percent of the sum of totals the sum of values is.
    Percent,
    /// How many percent of all devices were heard in time.
    Fresh,
}

/// Words that say that a berth is taken or a drone is in the air.
pub(crate) const YES: &[&str] = &[
    "occupied",
    "inuse",
    "in_use",
    "taken",
    "busy",
    "moored",
    "atberth",
    "loading",
    "unloading",
    "flying",
    "inflight",
    "in_flight",
    "in-flight",
    "airborne",
    "aloft",
    "enroute",
    "en_route",
    "delivering",
    "returning",
    "hovering",
    "true",
    "yes",
];

/// A vehicle faster than so many km/h moves.
pub(crate) const MOVING_MIN: f64 = 1.0;

/// The measures, in the order in which they are shown.
pub(crate) static MEASURES: [Definition; 10] = [
    Definition {
        id: "traffic-speed",
        unit: Some("KMH"),
        digits: 0,
        how: How::Mean,
        types: &["TrafficFlowObserved"],
        value: &["averageVehicleSpeed"],
        total: &[],
        names: ["Traffic speed", "Скорость движения", "车流速度"],
    },
    Definition {
        id: "vehicles-moving",
        unit: None,
        digits: 0,
        how: How::Moving,
        types: VEHICLES,
        value: &["speed", "speedValue"],
        total: &[],
        names: ["Vehicles moving", "Транспорт в движении", "行驶中的车辆"],
    },
    Definition {
        id: "passengers",
        unit: None,
        digits: 0,
        how: How::Sum,
        types: VEHICLES,
        value: &["passengersAboard", "passengers", "passengerCount"],
        total: &[],
        names: ["Passengers on board", "Пассажиры в пути", "在途乘客"],
    },
    Definition {
        id: "air-pm25",
        unit: Some("GQ"),
        digits: 0,
        how: How::Mean,
        types: &["AirQualityObserved"],
        value: &["pm25", "PM25", "PM2.5", "pm2_5"],
        total: &[],
        names: ["Fine dust PM2.5", "Пыль PM2,5", "细颗粒物 PM2.5"],
    },
    Definition {
        id: "parking-free",
        unit: Some("P1"),
        digits: 0,
        how: How::Percent,
        types: &["OffStreetParking", "OnStreetParking", "ParkingGroup"],
        value: &["availableSpotNumber"],
        total: &["totalSpotNumber"],
        names: ["Parking free", "Свободные парковки", "空闲车位"],
    },
    Definition {
        id: "grid-load",
        unit: Some("P1"),
        digits: 0,
        how: How::Percent,
        types: TRANSFORMERS,
        value: &["load"],
        total: &["ratedPower", "nominalPower"],
        names: ["Grid load", "Нагрузка сети", "电网负荷"],
    },
    Definition {
        id: "berths-used",
        unit: None,
        digits: 0,
        how: How::Yes,
        types: &["Berth", "PortBerth"],
        value: &["occupied", "occupancyStatus", "berthStatus", "status"],
        total: &[],
        names: ["Berths in use", "Занятые причалы", "使用中的泊位"],
    },
    Definition {
        id: "drones-aloft",
        unit: None,
        digits: 0,
        how: How::Yes,
        types: DRONES,
        value: &["flightStatus", "status", "altitude", "flightAltitude"],
        total: &[],
        names: ["Drones aloft", "Дроны в воздухе", "飞行中的无人机"],
    },
    Definition {
        id: "temperature",
        unit: Some("CEL"),
        digits: 0,
        how: How::Mean,
        types: &["WeatherObserved"],
        value: &["temperature"],
        total: &[],
        names: ["Temperature", "Температура", "气温"],
    },
    Definition {
        id: "fresh-data",
        unit: Some("P1"),
        digits: 0,
        how: How::Fresh,
        types: &[],
        value: &[],
        total: &[],
        names: ["Fresh data", "Свежие данные", "数据新鲜度"],
    },
];

const VEHICLES: &[&str] = &["Vehicle", "TransitVehicle"];
const DRONES: &[&str] = &["UAV", "Drone", "UnmannedAerialVehicle"];
const TRANSFORMERS: &[&str] = &[
    "Transformer",
    "TransformerObserved",
    "ElectricalTransformer",
    "ElectricalSubstation",
    "Substation",
];
/// Types of things that move by their nature.
const MOVERS: &[&str] = &["Vessel", "Ship", "Boat", "FishingBoat", "Flight", "Train"];

/// Attributes whose values have no usual range: they go round, name places and orders,
/// or are nothing on most days.
const NOT_JUDGED: &[&str] = &[
    "heading",
    "bearing",
    "direction",
    "course",
    "windDirection",
    "waveDirection",
    "latitude",
    "longitude",
    "altitude",
    "current_stop_sequence",
    "currentStopSequence",
    "mileageFromOdometer",
    "precipitation",
];

/// The place of an attribute in a measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Its value; of several attributes the one with the lowest rank counts.
    Value {
        /// 0 is preferred.
        rank: u8,
    },
    /// How much there is on the whole.
    Total,
}

/// What comes after the last `/`, `#` or `:` of an IRI.
pub(crate) fn short(iri: &str) -> &str {
    iri.rsplit(['/', '#', ':']).next().unwrap_or(iri)
}

/// The measures that entities of a type are inputs of, as bits.
pub(crate) fn measures_of(short_type: &str) -> u16 {
    let all = MEASURES.iter().enumerate();
    all.filter(|(_, measure)| measure.types.contains(&short_type))
        .fold(0, |bits, (index, _)| bits | (1 << index))
}

/// The part that an attribute has in a measure.
pub(crate) fn part(measure: &Definition, short_attribute: &str) -> Option<Part> {
    let rank = measure
        .value
        .iter()
        .position(|name| *name == short_attribute);
    if let Some(rank) = rank.and_then(|rank| u8::try_from(rank).ok()) {
        return Some(Part::Value { rank });
    }
    measure
        .total
        .contains(&short_attribute)
        .then_some(Part::Total)
}

/// Whether things of a type move by their nature.
pub(crate) fn moves(short_type: &str) -> bool {
    VEHICLES.contains(&short_type) || DRONES.contains(&short_type) || MOVERS.contains(&short_type)
}

/// Whether values of an attribute have a usual range.
pub(crate) fn is_judged(short_attribute: &str) -> bool {
    !NOT_JUDGED.contains(&short_attribute)
}

/// Whether a word says yes.
pub(crate) fn says_yes(word: &str) -> bool {
    YES.iter().any(|yes| yes.eq_ignore_ascii_case(short(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_found_by_short_names() {
        let bits = measures_of(short(
            "https://smartdatamodels.org/dataModel.Parking/OffStreetParking",
        ));
        assert_eq!(bits, 1 << 4);
        let parking = &MEASURES[4];
        assert_eq!(
            part(parking, "availableSpotNumber"),
            Some(Part::Value { rank: 0 })
        );
        assert_eq!(part(parking, "totalSpotNumber"), Some(Part::Total));
        assert_eq!(part(parking, "name"), None);
        assert!(says_yes("Occupied") && says_yes("https://x.org/inUse") && !says_yes("free"));
    }

    #[test]
    fn every_measure_has_its_own_word_and_those_left_out_exist() {
        let mut ids: Vec<_> = MEASURES.iter().map(|measure| measure.id).collect();
        assert!(LEFT_OUT.iter().all(|id| ids.contains(id)));
        assert_eq!(COUNT - LEFT_OUT.len(), SHOWN_MAX);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), COUNT);
    }
}
