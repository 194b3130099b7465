//! Reading what is asked: boxes, times, tiles.

use base::Time;
use spatial::Envelope;
use web::Query;

use crate::error::{Failure, invalid};

/// The box of `west,south,east,north`; absent: none.
pub(crate) fn bbox(query: &Query) -> Result<Option<Envelope>, Failure> {
    let Some(text) = query.get("bbox") else {
        return Ok(None);
    };
    let wrong = || {
        invalid(
            "bbox must be west,south,east,north in degrees, such as 66.0,41.8,66.3,42.0: west is \
             not east of east, south is not north of north",
        )
    };
    let sides: Vec<f64> = text
        .split(',')
        .map(|side| side.trim().parse().map_err(|_reason| wrong()))
        .collect::<Result<_, _>>()?;
    let [min_lon, min_lat, max_lon, max_lat] = *sides else {
        return Err(wrong());
    };
    let is_lon = |lon: f64| (-180.0..=180.0).contains(&lon);
    let is_lat = |lat: f64| (-90.0..=90.0).contains(&lat);
    let is_box = [min_lon, max_lon].into_iter().all(is_lon)
        && [min_lat, max_lat].into_iter().all(is_lat)
        && min_lon <= max_lon
        && min_lat <= max_lat;
    if !is_box {
        return Err(wrong());
    }
    Ok(Some(Envelope {
        min_lon,
        min_lat,
        max_lon,
        max_lat,
    }))
}

/// A moment; absent: none.
pub(crate) fn time(query: &Query, name: &str) -> Result<Option<Time>, Failure> {
    let text = query.get(name).filter(|text| !text.is_empty());
    text.map(|text| {
        // A plus sign of an offset comes as a space when it was not escaped.
        Time::parse(&text.replace(' ', "+"))
            .map_err(|error| invalid(format_args!("{name}: {error}")))
    })
    .transpose()
}

/// A number from 1 to `max`; absent: `default`.
pub(crate) fn limit(
    query: &Query,
    name: &str,
    default: usize,
    max: usize,
) -> Result<usize, Failure> {
    let number = query.parsed::<usize>(name, "a number")?.unwrap_or(default);
    if number == 0 || number > max {
        return Err(invalid(format_args!(
            "{name} is {number}: it must be from 1 to {max}"
        )));
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_four_degrees_in_order() {
        let of = |text: &str| bbox(&Query::parse(&format!("bbox={text}")).expect("a query"));
        assert!(of("66,41,67,42").is_ok_and(|found| found.is_some()));
        for wrong in [
            "",
            "1,2,3",
            "1,2,3,4,5",
            "67,41,66,42",
            "66,42,67,41",
            "a,b,c,d",
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        for wrong in ["-181,0,0,0", "0,-91,0,0", "0,0,NaN,0", "0,0,inf,0"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
