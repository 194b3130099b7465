#!/usr/bin/env bash
# Stands in for docker where the suite wants a container with Mosquitto: run, rm, container rm.
# Starts the Mosquitto of this machine with the suite's own settings and passwords.
#   MOSQUITTO: the program; MOSQUITTO_SETTINGS: the suite's folder of settings;
#   MOSQUITTO_ROOM: where its files may lie; MOSQUITTO_PORT: its second port.
room=$MOSQUITTO_ROOM
[ "${1:-}" = container ] && shift
stop() {
  local file="$room/$1.pid" pid
  [ -s "$file" ] || return 0
  pid=$(cat "$file")
  kill "$pid" 2>/dev/null
  for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  kill -9 "$pid" 2>/dev/null
  rm -f "$file"
}
case "${1:-}" in
  rm)
    shift
    for name in "$@"; do case "$name" in -*) ;; *) stop "$name" ;; esac; done
    ;;
  run)
    name=etsi settings=mosquitto.conf
    shift
    while [ $# -gt 0 ]; do
      case "$1" in
        --name) name=$2; shift 2 ;;
        -e) case "$2" in CONF=*) settings=${2#CONF=} ;; esac; shift 2 ;;
        *) shift ;;
      esac
    done
    stop "$name"
    cp "$MOSQUITTO_SETTINGS/mosquitto_pwd" "$room/mosquitto_pwd"
    chmod 700 "$room/mosquitto_pwd"
    {
      grep -vE '^(listener|password_file|#)' "$MOSQUITTO_SETTINGS/$settings"
      echo
      echo "listener 1883 127.0.0.1"
      echo "listener $MOSQUITTO_PORT 127.0.0.1"
      [ "$(id -u)" = 0 ] && echo "user root"
      case "$settings" in *with_user*) echo "password_file $room/mosquitto_pwd" ;; esac
    } > "$room/$name.conf"
    setsid "$MOSQUITTO" -c "$room/$name.conf" > "$room/$name.log" 2>&1 < /dev/null &
    pid=$!
    echo $pid > "$room/$name.pid"
    for _ in $(seq 100); do
      (exec 3<>/dev/tcp/127.0.0.1/1883) 2>/dev/null && exit 0
      kill -0 $pid 2>/dev/null || { cat "$room/$name.log" >&2; exit 1; }
      sleep 0.05
    done
    exit 1
    ;;
esac
exit 0
