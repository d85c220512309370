#!/usr/bin/env node
// Print what a Foretide says, one line of JSON for each event, each event once, through restarts of the broker.
//
// Nothing is known here but an address of its AsyncAPI document and a broker URL: exchange, routing key, log and the
// shape of the messages are read from the document. Needs: npm ci
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";

import { Ajv2020 } from "ajv/dist/2020.js";
import amqp from "amqplib";

const USAGE = `usage: node subscribe.mjs [--broker URL] [--event NAME] [--queue NAME] [--since WHEN] DOCUMENT

Print what a Foretide says, one line of JSON for each event, each event once, through restarts of the broker.

  DOCUMENT       address of the AsyncAPI document: http://…/asyncapi.json
  --broker URL   amqp(s)://… (default: $BROKER_URL)
  --event NAME   which event (default: results.stored)
  --queue NAME   a durable queue: what comes while you are away waits there (default: outside.EVENT)
  --since WHEN   first what the log has from then on: 7d, 12h, 30m or a time
`;
const OFFSET = "x-stream-offset";
const PREFETCH = 100;
// How often a message may come back because this program ended with it in hand, before it is put aside.
const DELIVERY_LIMIT = 100;
const REMEMBERED_IDS = 100_000;
// How far the clocks of Foretide and the broker may be apart, and events out of the order of their times.
const CLOCK_TOLERANCE = 60_000;
const [FIRST_WAIT, LONGEST_WAIT] = [500, 10_000];
// What waiting does not mend: a right that is missing, a queue that is declared otherwise.
const [ACCESS_REFUSED, PRECONDITION_FAILED] = [403, 406];

const tell = (text) => process.stderr.write(`${text}\n`);

function end(text, code = 1) {
  tell(text);
  process.exit(code);
}

// What the document says about one event.
async function readContract(url, event) {
  const answer = await fetch(url);
  if (!answer.ok) end(`${url} answers ${answer.status}.`);
  const { channels, components } = await answer.json();
  const isQueue = (channel) => channel.bindings.amqp.is === "queue";
  const events = new Map(
    Object.entries(channels)
      .filter(([, channel]) => !isQueue(channel))
      .map(([name, channel]) => [channel.title, { name, channel }]),
  );
  if (!events.has(event)) end(`"${event}" is not in the document. It has: ${[...events.keys()].sort().join(", ")}`);
  const { name, channel } = events.get(event);
  const log = Object.values(channels).find((one) => isQueue(one) && name in one.messages);
  if (!log) end(`"${event}" is not kept in a log: it cannot be listened to from outside.`);
  const message = Object.values(channel.messages)[0].$ref.split("/").at(-1);
  const checker = new Ajv2020({ strict: false, validateFormats: false });
  return {
    exchange: channel.bindings.amqp.exchange.name,
    routingKey: channel.address,
    log: log.bindings.amqp.queue.name,
    isAsPromised: checker.compile({ $ref: `#/components/messages/${message}/payload`, components }),
  };
}

// Reads bodies and prints each event once. Who does more than print stores the id together with the effect.
class Reader {
  #isAsPromised;
  #printed = new Set();

  constructor(isAsPromised) {
    this.#isAsPromised = isAsPromised;
  }

  // The event, or null and a complaint where it is not what the document promises.
  read(body) {
    const event = parsed(body);
    if (this.#isAsPromised(event)) return event;
    const [error] = this.#isAsPromised.errors;
    tell(`Not as the document says, put aside: ${error.instancePath || "the message"} ${error.message}`);
    return null;
  }

  show(event) {
    if (this.#printed.has(event.id)) return;
    process.stdout.write(`${JSON.stringify(event)}\n`);
    this.#printed.add(event.id);
    if (this.#printed.size > REMEMBERED_IDS) this.#printed.delete(this.#printed.values().next().value);
  }
}

// A durable queue of its own and, where the past is asked for, the log up to where that queue begins.
class Subscriber {
  #contract;
  #queue;
  #reader;
  #replay;
  #held = [];

  constructor(contract, queue, since) {
    this.#contract = contract;
    this.#queue = queue;
    this.#reader = new Reader(contract.isAsPromised);
    this.#replay = since === undefined ? null : new Replay(contract, this.#reader, since);
  }

  // For ever: a connection that is lost is made again.
  async run(broker) {
    let wait = FIRST_WAIT;
    for (;;) {
      let connection;
      try {
        connection = await amqp.connect(broker);
        wait = FIRST_WAIT;
        await this.#listen(connection);
      } catch (error) {
        const isHopeless = [ACCESS_REFUSED, PRECONDITION_FAILED].includes(error.code);
        if (isHopeless || /ACCESS.REFUSED/.test(error.message)) end(`The broker refuses: ${error.message}`);
        tell(`Not listening (${error.message || error.code}); next try in ${wait / 1000} s.`);
      }
      connection?.close().catch(() => {});
      await pause(wait);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    }
  }

  // Rejects when the subscription ends, as it does with its connection or its queue.
  #listen(connection) {
    return new Promise((_, ended) => {
      connection.on("error", ended);
      connection.on("close", () => ended(new Error("the connection was closed")));
      this.#begin(connection, ended).catch(ended);
    });
  }

  async #begin(connection, ended) {
    this.#held = [];
    const channel = await open(connection, ended);
    const { messageCount } = await this.#declare(channel);
    // First: where the log is away, nothing is taken from the queue in vain.
    await this.#replay?.find(await open(connection, ended));
    const replay = () => this.#replay?.begin(ended, () => this.#handOver(channel));
    await channel.consume(this.#queue, (message) => {
      if (!message) return ended(new Error("the queue is gone"));
      const event = this.#reader.read(message.content);
      // While the log is read it is not acknowledged, so the broker keeps it.
      if (event) this.#held.push({ message, event });
      else channel.reject(message, false);
      this.#handOver(channel);
      replay()?.catch(ended);
    });
    if (messageCount === 0) await replay();
    tell(`Listening to ${this.#contract.routingKey} on the queue ${this.#queue}.`);
  }

  #handOver(channel) {
    if (this.#replay && this.#held.length && this.#replay.hasReached(this.#held[0].event)) {
      this.#replay.end();
      this.#replay = null;
    }
    while (this.#held.length && !this.#replay) {
      const { message, event } = this.#held.shift();
      this.#reader.show(event);
      channel.ack(message);
    }
  }

  // The queue, and another one for what cannot be read. Both stay when this program goes.
  async #declare(channel) {
    const dead = `${this.#queue}.dead`;
    // Not the default exchange: the right to write to that one is the right to write into every queue.
    await channel.assertExchange(dead, "fanout", { durable: true });
    await channel.assertQueue(dead, { durable: true, arguments: { "x-queue-type": "quorum" } });
    await channel.bindQueue(dead, dead, "");
    const settings = { "x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT, "x-dead-letter-exchange": dead };
    const declared = await channel.assertQueue(this.#queue, { durable: true, arguments: settings });
    await channel.bindQueue(this.#queue, this.#contract.exchange, this.#contract.routingKey);
    return declared;
  }
}

// The log from a moment on. It ends at the event with which the queue begins: from there on the queue has all.
class Replay {
  #contract;
  #reader;
  #since;
  #next;
  #began;
  #passed = new Set();
  #channel;
  #consumer = null;

  constructor(contract, reader, since) {
    this.#contract = contract;
    this.#reader = reader;
    this.#since = since;
  }

  // On a new connection.
  async find(channel) {
    await channel.checkQueue(this.#contract.log);
    this.#channel = channel;
    this.#consumer = null;
  }

  // Read on where a lost connection ended, unless that was begun already; `moved` is called after each message.
  // Where something waits in the queue, that has to be known first: it may be older than what is asked for.
  async begin(ended, moved) {
    if (this.#consumer) return;
    const channel = this.#channel;
    const seconds = Math.max(0, Math.floor((this.#since - CLOCK_TOLERANCE) / 1000));
    const offset = this.#next ?? { "!": "timestamp", value: seconds };
    const consumerTag = `replay-${process.pid}`;
    this.#consumer = consumerTag;
    await channel.consume(
      this.#contract.log,
      (message) => {
        if (!message) return ended(new Error("the log is gone"));
        this.#take(message);
        channel.ack(message);
        moved();
      },
      { consumerTag, arguments: { [OFFSET]: offset } },
    );
  }

  // Print it where it was asked for. The log has events of every kind, and some from before the moment.
  #take(message) {
    if (!this.#consumer) return;
    this.#next = message.properties.headers[OFFSET] + 1;
    this.#began ??= timeOf(parsed(message.content)) || undefined;
    if (message.fields.routingKey !== this.#contract.routingKey) return;
    const event = this.#reader.read(message.content);
    if (!event) return;
    this.#passed.add(event.id);
    if (timeOf(event) >= this.#since) this.#reader.show(event);
  }

  // Whether the queue, which begins with this event, has all that the log still has.
  hasReached(first) {
    const begin = Math.max(this.#since, this.#began ?? this.#since);
    return this.#passed.has(first.id) || timeOf(first) < begin - CLOCK_TOLERANCE;
  }

  end() {
    if (this.#consumer) this.#channel.cancel(this.#consumer).catch((error) => tell(error.message));
    this.#consumer = null;
  }
}

async function open(connection, ended) {
  const channel = await connection.createChannel();
  channel.on("error", ended);
  channel.on("close", () => ended(new Error("the channel was closed")));
  await channel.prefetch(PREFETCH);
  return channel;
}

function parsed(body) {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return null;
  }
}

const timeOf = (event) => Date.parse(event?.time);

// `7d`, `12h`, `30m` ago, or a time (UTC where it names no zone).
function moment(text) {
  const ago = /^(\d+)([dhm])$/.exec(text);
  if (ago) return Date.now() - Number(ago[1]) * { d: 86_400_000, h: 3_600_000, m: 60_000 }[ago[2]];
  const time = Date.parse(/T.*([zZ]|[+-]\d\d:?\d\d)$/.test(text) || !text.includes("T") ? text : `${text}Z`);
  if (Number.isNaN(time)) end(`--since ${text}: neither 7d, 12h, 30m nor a time\n\n${USAGE}`, 2);
  return time;
}

function readArguments() {
  const text = { type: "string" };
  const options = { help: { type: "boolean" }, broker: text, event: text, queue: text, since: text };
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    return end(`${error.message}\n\n${USAGE}`, 2);
  }
}

const { values, positionals } = readArguments();
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const broker = values.broker ?? process.env.BROKER_URL;
if (positionals.length !== 1 || !broker) end(`DOCUMENT and --broker or BROKER_URL are needed\n\n${USAGE}`, 2);
process.stdout.on("error", () => process.exit(0)); // whoever read it has gone
const event = values.event ?? "results.stored";
const since = values.since === undefined ? undefined : moment(values.since);
const contract = await readContract(positionals[0], event).catch((error) => end(`${positionals[0]}: ${error.message}`));
await new Subscriber(contract, values.queue ?? `outside.${event}`, since).run(broker);
