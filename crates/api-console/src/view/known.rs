//! The layers of the map that have a name of their own, and what each type of entity says on it.

/// A layer that the console knows by name.
#[derive(Debug)]
pub(crate) struct Known {
    /// Its id.
    pub(crate) id: &'static str,
    /// The group under which it is listed.
    pub(crate) group: &'static str,
    /// Short names of the types in it.
    pub(crate) types: &'static [&'static str],
    /// Short names of the attributes by which it is coloured, the best first.
    pub(crate) attributes: &'static [&'static str],
    /// Whether its entities move.
    pub(crate) moves: bool,
}

/// The layers in the order in which they are listed.
pub(crate) static KNOWN: &[Known] = &[
    still(
        "traffic",
        "mobility",
        &[
            "TrafficFlowObserved",
            "RoadSegmentObserved",
            "ItemFlowObserved",
        ],
        &["averageVehicleSpeed", "speed", "intensity", "occupancy"],
    ),
    Known {
        id: "transit-vehicles",
        group: "mobility",
        types: &[
            "Vehicle",
            "GtfsVehicle",
            "Bus",
            "Tram",
            "MetroTrain",
            "Train",
        ],
        attributes: &[
            "speed",
            "occupancy",
            "passengersAboard",
            "passengers",
            "delay",
        ],
        moves: true,
    },
    still(
        "stops",
        "mobility",
        &[
            "GtfsStop",
            "GtfsStation",
            "GtfsAccessPoint",
            "GtfsBoardingArea",
            "PublicTransportStop",
            "MetroStation",
            "TransportStation",
        ],
        &["peopleCount", "passengers", "passengerCount"],
    ),
    still(
        "transit-lines",
        "mobility",
        &["GtfsShape", "PublicTransportRoute"],
        &[],
    ),
    still(
        "parking",
        "mobility",
        &[
            "OffStreetParking",
            "OnStreetParking",
            "ParkingGroup",
            "ParkingSpot",
            "ParkingAccess",
        ],
        &["availableSpotNumber", "occupiedSpotNumber", "occupancy"],
    ),
    still(
        "air",
        "environment",
        &["AirQualityObserved", "AirQualityMonitoring"],
        &[
            "pm25",
            "PM25",
            "pm2_5",
            "pm10",
            "PM10",
            "no2",
            "NO2",
            "o3",
            "airQualityIndex",
        ],
    ),
    still(
        "weather",
        "environment",
        &["WeatherObserved"],
        &[
            "temperature",
            "windSpeed",
            "relativeHumidity",
            "precipitation",
        ],
    ),
    still(
        "streetlights",
        "energy",
        &[
            "Streetlight",
            "StreetlightGroup",
            "StreetlightControlCabinet",
        ],
        &[
            "illuminanceLevel",
            "dimmingLevel",
            "powerConsumption",
            "activePower",
            "batteryLevel",
        ],
    ),
    still(
        "energy",
        "energy",
        &[
            "EnergyMeter",
            "ACMeasurement",
            "ThreePhaseAcMeasurement",
            "TransformerObserved",
            "Transformer",
            "Substation",
            "ElectricityMeter",
            "PhotovoltaicMeasurement",
            "BatteryMeasurement",
        ],
        &[
            "load",
            "totalActivePower",
            "loadPercent",
            "activePower",
            "power",
            "powerConsumption",
            "oilTemperature",
            "highUsefulLoad",
            "totalActiveEnergyImport",
        ],
    ),
    still(
        "water",
        "energy",
        &[
            "WaterMeter",
            "WaterConsumptionObserved",
            "WaterQualityObserved",
            "WaterObserved",
            "WaterNetwork",
        ],
        &[
            "flow",
            "flowRate",
            "waterConsumption",
            "pressure",
            "level",
            "pH",
        ],
    ),
    still(
        "benches",
        "places",
        &["Bench", "SmartBench", "ParkBench", "StreetFurniture"],
        &[
            "batteryLevel",
            "solarPower",
            "power",
            "occupancy",
            "peopleCount",
        ],
    ),
    still(
        "museum",
        "places",
        &["MuseumRoom", "Museum", "IndoorEnvironmentObserved", "Room"],
        &[
            "peopleCount",
            "visitors",
            "relativeHumidity",
            "temperature",
            "co2",
        ],
    ),
    still(
        "places",
        "places",
        &[
            "Hospital",
            "School",
            "University",
            "PointOfInterest",
            "CrowdFlowObserved",
        ],
        &[
            "availableBeds",
            "availablePlaces",
            "pupilsPresent",
            "freeBeds",
            "bedsFree",
            "occupancy",
            "peopleCount",
        ],
    ),
    still("buildings", "places", &["Building"], &[]),
    still(
        "districts",
        "places",
        &["District", "AdministrativeArea"],
        &[],
    ),
    still(
        "roads",
        "mobility",
        &["Road", "RoadSegment", "RoadJunction"],
        &[],
    ),
    Known {
        id: "drones",
        group: "air",
        types: &[
            "Drone",
            "UnmannedAircraft",
            "UnmannedAerialVehicle",
            "FlightObserved",
        ],
        attributes: &["altitude", "speed", "batteryLevel"],
        moves: true,
    },
    Known {
        id: "ships",
        group: "port",
        types: &["Ship", "Vessel", "SeaVessel", "Boat"],
        attributes: &["speed", "speedOverGround", "draught"],
        moves: true,
    },
    still(
        "berths",
        "port",
        &["Berth", "BoatPlacesAvailable", "SeaportFacilities", "Port"],
        &["occupied", "occupancy", "waitingTime"],
    ),
];

/// Types that are facts about the city and no things on its map.
pub(crate) const NOT_ON_THE_MAP: &[&str] = &["KeyPerformanceIndicator"];

const fn still(
    id: &'static str,
    group: &'static str,
    types: &'static [&'static str],
    attributes: &'static [&'static str],
) -> Known {
    Known {
        id,
        group,
        types,
        attributes,
        moves: false,
    }
}

/// The layer of a type, by the type's short name.
pub(crate) fn of_type(short: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.types.contains(&short))
}

/// Upper limits of the first classes of an attribute whose meaning everybody shares; the last class
/// has none. `None`: quantiles of what is there.
pub(crate) fn limits(short: &str) -> Option<&'static [f64]> {
    Some(match short {
        // Kilometres an hour in a street.
        "averageVehicleSpeed" => &[10.0, 20.0, 30.0, 45.0],
        // Micrograms in a cubic metre: the first bands of the European air quality index.
        "pm25" | "PM25" | "pm2_5" => &[10.0, 20.0, 25.0, 50.0],
        "pm10" | "PM10" => &[20.0, 40.0, 50.0, 100.0],
        "no2" | "NO2" => &[40.0, 90.0, 120.0, 230.0],
        "o3" | "O3" => &[50.0, 100.0, 130.0, 240.0],
        // Places that are free.
        "availableSpotNumber" => &[0.0, 5.0, 20.0, 100.0],
        // Degrees Celsius.
        "temperature" => &[-10.0, 5.0, 18.0, 28.0],
        // Shares of one.
        "occupancy" => &[0.2, 0.4, 0.6, 0.8],
        // No, yes.
        "occupied" => &[0.0],
        _ => return None,
    })
}

/// The last segment of an expanded name.
pub(crate) fn short(iri: &str) -> &str {
    let end = iri.rsplit(['/', '#']).next().unwrap_or(iri);
    // A URN has its last word behind a colon.
    if end.len() == iri.len() {
        iri.rsplit(':').next().unwrap_or(iri)
    } else {
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_type_stands_in_two_layers() {
        let mut types: Vec<&str> = KNOWN
            .iter()
            .flat_map(|known| known.types)
            .copied()
            .collect();
        let all = types.len();
        types.sort_unstable();
        types.dedup();
        assert_eq!(types.len(), all);
    }

    #[test]
    fn a_short_name_is_the_last_word() {
        assert_eq!(
            short("https://uri.etsi.org/ngsi-ld/default-context/City"),
            "City"
        );
        assert_eq!(short("https://a.org/x#Y"), "Y");
        assert_eq!(short("urn:a:b"), "b");
        assert_eq!(short("Plain"), "Plain");
    }
}
