// Serves an SQS in memory on a free port of this machine, with the queues "orders" and "dead", prints its URL, and ends with its standard input.
import { createServer } from "node:net";
import { createSqsServer } from "local-aws-sqs";

const free = createServer().listen(0, "127.0.0.1", () => {
  const { port } = free.address();
  free.close(async () => {
    await createSqsServer({ port, hostname: "127.0.0.1", queues: [{ QueueName: "orders" }, { QueueName: "dead" }] });
    console.log(`http://127.0.0.1:${port}`);
  });
});
process.stdin.on("end", () => process.exit(0)).resume();
