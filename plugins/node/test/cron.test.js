import assert from "node:assert/strict";
import { test } from "node:test";
import { meaning } from "../src/cron.js";

test("schedules that fire at the same times are equal", () => {
  for (const [one, other] of [
    ["*/15 * * * *", "0,15,30,45 * * * *"],
    ["0 0 * * 0", "0  0 * * SUN"],
    ["0 0 ? * 1-5", "0 0 * * mon-fri"],
    ["@daily", "@midnight"],
    ["@weekly", "0 0 * * sun"],
    ["@every 60m", "@every 1h"],
    ["0 0 1-31 * 1", "0 0 * * *"],
    ["5/20 * * * *", "5,25,45 * * * *"],
    ["0 3 * * 1/2", "0 3 * * 1,3,5"],
    ["0 0 */2 * 1", "0 0 1-31/2 * 1"],
    ["0 0 1,* * 1", "0 0 * * 1"],
    ["0 0 */01 * 1", "0 0 * * 1"],
  ]) {
    assert.equal(meaning(one), meaning(other), `${one} and ${other}`);
  }
});

test("others are not", () => {
  for (const [one, other] of [
    ["0 0 1 * 1", "0 0 1 * *"],
    ["0 0 1,* * 1", "0 0 * * *"],
    ["@every 60s", "* * * * *"],
    ["@every m", "@every  m"],
    ["61 * * * *", "61  * * * *"],
    ["*/0 * * * *", "*/0  * * * *"],
    ["5-1 * * * *", "5-1  * * * *"],
    ["1--2 * * * *", "1--2  * * * *"],
    ["nonsense", "Nonsense"],
    ["toString", "0 0 * * *"],
  ]) {
    assert.notEqual(meaning(one), meaning(other), `${one} and ${other}`);
  }
});
