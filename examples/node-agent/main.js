// Try it by hand: each line is an operation that works ("work") or fails
// ("fail"), and is answered with how the breaker is then.
//
//   SWITCHGEAR_URL=http://127.0.0.1:8080 SWITCHGEAR_TOKEN=… node main.js
import { createInterface } from "node:readline";
import { Agent } from "./agent.js";
import { Breaker } from "./breaker.js";

const breaker = new Breaker("shop", { failureThreshold: 3, resetTimeoutMs: 60_000 });
const agent = new Agent(process.env.SWITCHGEAR_URL ?? "http://127.0.0.1:8080", process.env.SWITCHGEAR_TOKEN ?? "", [breaker], {
  program: "node-agent example",
});

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "work" || line === "fail") {
    await breaker
      .do(async () => {
        if (line === "fail") throw new Error("the till is stuck");
      })
      .catch((error) => console.error(error.message));
  }
  console.log(JSON.stringify({ State: breaker.state, Mode: breaker.mode, Threshold: breaker.config.failureThreshold, Rejected: breaker.rejected }));
}
agent.close();
