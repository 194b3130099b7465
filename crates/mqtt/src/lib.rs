//! MQTT 3.1.1 and 5: a listener for devices and a client of brokers; a message is acknowledged when its receiver says so.
