//! The table of settings.

use super::Setting;

/// All settings. `chorsu settings --markdown` writes docs/guide/settings.md from it.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        name: "data",
        value: "FOLDER",
        default: "./chorsu-data",
        help: "Where the node keeps everything. It is made if it is not there; one node at a time \
               uses it.",
    },
    Setting {
        name: "listen",
        value: "ADDRESS:PORT",
        default: "127.0.0.1:7700",
        help: "Where the node answers HTTP. Port 0 takes a free one and says which. Put a proxy \
               with TLS before it when others than this machine shall reach it.",
    },
    Setting {
        name: "mqtt",
        value: "ADDRESS:PORT",
        default: "",
        help: "Where devices may publish by MQTT 3.1.1 and 5, such as 0.0.0.0:1883; without it there is \
               no such listener. A device sends a token that may write as its password.",
    },
    Setting {
        name: "flight",
        value: "ADDRESS:PORT",
        default: "",
        help: "Where the node answers Arrow Flight SQL, such as 127.0.0.1:7701; without it there is no \
               such listener. A client sends a token as its bearer or as its password. Put a proxy \
               with TLS before it when others than this machine shall reach it.",
    },
    Setting {
        name: "sql-memory",
        value: "MEBIBYTES",
        default: "1024",
        help: "How much memory all queries in SQL may have together; what needs more is put on disk \
               for a while, or ends.",
    },
    Setting {
        name: "sql-seconds",
        value: "SECONDS",
        default: "300",
        help: "How long a query in SQL may take, the reading of its answer included.",
    },
    Setting {
        name: "open",
        value: "",
        default: "false",
        help: "Give everybody all rights, for trials and test kits. Only on a loopback address.",
    },
    Setting {
        name: "alias",
        value: "NAME",
        default: "",
        help: "The name of the node among others that it asks or that ask it: letters, digits, '-', \
               '_' and '.', of no other node. Without it the node draws one and keeps it.",
    },
    Setting {
        name: "contexts",
        value: "FOLDER",
        default: "",
        help: "A folder with @context documents and an index.json (URL to file name), used in \
               place of the network.",
    },
    Setting {
        name: "outbound",
        value: "public|loopback|any",
        default: "public",
        help: "Which addresses the node may call, to fetch an @context for example: those of the \
               internet; those and this machine; or private networks as well.",
    },
    Setting {
        name: "outbound-hosts",
        value: "HOST,…",
        default: "",
        help: "Hosts that the node may call whatever their address, without port.",
    },
    Setting {
        name: "outbound-roots",
        value: "FILE",
        default: "",
        help: "Certificates in PEM that are trusted besides those of the public authorities.",
    },
    Setting {
        name: "lake",
        value: "FOLDER|s3://BUCKET/PREFIX|off",
        default: "",
        help: "Where history goes when it is no longer of today, as Parquet that other tools read \
               too: by default the folder 'lake' of the data folder. A place belongs to one node. \
               off: history stays in the store; what is in that folder already stays readable.",
    },
    Setting {
        name: "lake-endpoint",
        value: "URL",
        default: "",
        help: "The server that speaks S3, as in https://s3.my.city:9000; without it Amazon's of the \
               region.",
    },
    Setting {
        name: "lake-region",
        value: "NAME",
        default: "us-east-1",
        help: "The region of the bucket.",
    },
    Setting {
        name: "lake-key",
        value: "ID",
        default: "",
        help: "The access key to the bucket; without it that of the machine's role.",
    },
    Setting {
        name: "lake-secret",
        value: "FILE",
        default: "",
        help: "A file with the secret of that key.",
    },
    Setting {
        name: "lake-seal-age",
        value: "TIME",
        default: "10min",
        help: "So long history waits at most until it goes to the lake: a number and ms, s, min, h \
               or d. Questions in SQL bring it there sooner.",
    },
    Setting {
        name: "lake-seal-bytes",
        value: "SIZE",
        default: "32MiB",
        help: "As soon as so much history waits it goes to the lake: a number and B, KiB, MiB or GiB.",
    },
    Setting {
        name: "lake-grace",
        value: "TIME",
        default: "10min",
        help: "So long files of the lake that were replaced stay for tools that have an older list.",
    },
    Setting {
        name: "request-seconds",
        value: "SECONDS",
        default: "30",
        help: "How long a request may take, the sending of its body included.",
    },
    Setting {
        name: "shutdown-seconds",
        value: "SECONDS",
        default: "20",
        help: "How long requests under way may take to finish once the node is asked to stop.",
    },
    Setting {
        name: "connections",
        value: "NUMBER",
        default: "4096",
        help: "Connections at once; further ones wait. Each needs a file descriptor.",
    },
    Setting {
        name: "temporal-instances",
        value: "NUMBER",
        default: "10000",
        help: "Instances of one attribute in one answer over time. Where there are more, the \
               answer is 206 and its Content-Range says how far it goes.",
    },
    Setting {
        name: "workers",
        value: "NUMBER",
        default: "0",
        help: "Threads that answer requests; 0: as many as there are processors.",
    },
    Setting {
        name: "log",
        value: "FILTER",
        default: "info",
        help: "What is logged: error, warn, info, debug, or more finely as in \
               'info,access=debug', which logs every request.",
    },
    Setting {
        name: "log-format",
        value: "text|json",
        default: "text",
        help: "How it is logged, to standard error: for people or one JSON object a line.",
    },
];
