import { deepStrictEqual } from "node:assert/strict";
import { Queue } from "../../src/jobs/queue.ts";

const room = (roomId: string, nextGroup: number) => ({ roomId, nextGroup, groups: 1, rows: 1 });

function drain(queue: Queue): string[] {
  const ids: string[] = [];
  for (let next = queue.take(); next !== undefined; next = queue.take()) ids.push(next.roomId);
  return ids;
}

Deno.test("Queue takes rooms in the order in which it got them", () => {
  deepStrictEqual(drain(new Queue([room("big", 50), room("small", 1)])), ["big", "small"]);
});

Deno.test("Queue.put() puts a room back where its next group belongs", () => {
  const queue = new Queue([room("a", 1), room("b", 5), room("c", 9)]);
  queue.put({ ...queue.take()!, nextGroup: 7 });
  deepStrictEqual(drain(queue), ["b", "a", "c"]);
});

Deno.test("Queue.putLast() puts a room behind all others, also behind those that are put back later", () => {
  const queue = new Queue([room("a", 1), room("b", 2)]);
  queue.putLast(queue.take()!);
  queue.put({ ...queue.take()!, nextGroup: 99 });
  deepStrictEqual(drain(queue), ["b", "a"]);
});
