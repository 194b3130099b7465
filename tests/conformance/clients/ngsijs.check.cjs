// Lets ngsijs (npm) work with a node: ngsijs.check.cjs PORT, with NODE_PATH where ngsijs is.
//
// Subscribes with a receiver of its own, creates, queries, changes, waits for what it is told, and
// reads history. Ends with an error at the first thing that is not as it should be.
"use strict";

const assert = require("node:assert/strict");
const http = require("node:http");
const NGSI = require("ngsijs");

const SECONDS = 30;
const told = [];
let news = () => {};

const receiver = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    told.push(JSON.parse(Buffer.concat(chunks)));
    response.end();
    news();
  });
});

/** Notifications come at least once and in order: those before may come again. */
async function waitFor(level) {
  const end = Date.now() + SECONDS * 1000;
  for (;;) {
    while (told.length > 0) {
      const said = told.shift();
      assert.equal(said.type, "Notification");
      if (said.data[0].level.value === level) return said;
    }
    assert.ok(Date.now() < end, `nobody said that the level is ${level}`);
    await new Promise((resolve) => {
      news = resolve;
      setTimeout(resolve, 1000);
    });
  }
}

const well = (name, level, minute) => ({
  id: `urn:ngsi-ld:Tank:${name}`,
  type: "Tank",
  level: {
    type: "Property",
    value: level,
    unitCode: "MTR",
    observedAt: `2026-05-01T12:${String(minute).padStart(2, "0")}:00Z`,
  },
});

async function main() {
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const { ld } = new NGSI.Connection(`http://localhost:${process.argv[2]}/`);
  const { subscription } = await ld.createSubscription({
    type: "Subscription",
    entities: [{ type: "Tank" }],
    watchedAttributes: ["level"],
    notification: {
      endpoint: { uri: `http://127.0.0.1:${receiver.address().port}/notify`, accept: "application/json" },
    },
  });
  const listed = await ld.listSubscriptions({ count: true });
  assert.ok(listed.results.some((one) => one.id === subscription.id));

  await ld.createEntity(well("1", 3.5, 0));
  assert.equal((await waitFor(3.5)).data[0].id, "urn:ngsi-ld:Tank:1");
  await ld.createEntity(well("2", 9.25, 0));
  await assert.rejects(ld.createEntity(well("2", 1, 0)), NGSI.AlreadyExistsError);
  const found = await ld.queryEntities({ type: "Tank", q: "level>3", count: true, keyValues: true });
  assert.deepEqual(found.results.map((one) => one.level), [3.5, 9.25]);
  assert.equal(found.count, 2);
  const { entity } = await ld.getEntity("urn:ngsi-ld:Tank:2");
  assert.equal(entity.level.value, 9.25);
  await assert.rejects(ld.getEntity("urn:ngsi-ld:Tank:9"), NGSI.NotFoundError);

  await ld.updateEntityAttribute(well("1", 4.5, 10).level, { id: "urn:ngsi-ld:Tank:1", attribute: "level" });
  await waitFor(4.5);
  const past = await ld.queryTemporalEntities({
    type: "Tank",
    id: "urn:ngsi-ld:Tank:1",
    attrs: "level",
    timerel: "between",
    timeAt: "2026-05-01T00:00:00Z",
    endTimeAt: "2026-05-02T00:00:00Z",
    temporalValues: true,
  });
  assert.deepEqual(past.results[0].level.values.map(([value]) => value), [3.5, 4.5]);
  const types = await ld.listTypes();
  assert.ok(JSON.stringify(types.results).includes("Tank"));

  await ld.deleteSubscription(subscription.id);
  for (const name of ["1", "2"]) await ld.deleteEntity(`urn:ngsi-ld:Tank:${name}`);
  assert.equal((await ld.queryEntities({ type: "Tank", count: true })).count, 0);
  receiver.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
