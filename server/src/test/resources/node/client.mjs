// OpenAI's official client for Node against a running server: node client.mjs http://127.0.0.1:8080/v1
// Prints a line for each thing that works and ends with an error at the first that does not.
import assert from 'node:assert/strict';
import OpenAI, { toFile } from 'openai';

const client = new OpenAI({ baseURL: process.argv[2], apiKey: 'none needed', maxRetries: 0 });

async function step(what, work) {
  await work();
  console.log(what);
}

let file;
let job;

await step('files', async () => {
  const rows = '{"prompt": "1+1=", "answer": "2"}\n';
  file = await client.files.create({ file: await toFile(Buffer.from(rows), 'train.jsonl'), purpose: 'fine-tune' });
  assert.equal(file.filename, 'train.jsonl');
  assert.equal((await client.files.retrieve(file.id)).bytes, rows.length);
  assert.equal(await (await client.files.content(file.id)).text(), rows);
  const ids = [];
  for await (const each of client.files.list()) ids.push(each.id);
  assert.ok(ids.includes(file.id));
});

await step('models', async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes('base'));
  assert.equal((await client.models.retrieve('base')).object, 'model');
});

await step('a job', async () => {
  job = await client.fineTuning.jobs.create({
    model: 'base', training_file: file.id, seed: 7, suffix: 'node', metadata: { team: 'clients' },
    method: {
      type: 'reinforcement',
      reinforcement: {
        grader: {
          type: 'string_check', name: 'exact', input: '{{sample.output_text}}', reference: '{{item.answer}}',
          operation: 'eq',
        },
        d3s: { preset: 'd3s', steps: 6, checkpoint: { interval: 2 } },
      },
    },
  });
  assert.ok(['queued', 'running', 'succeeded'].includes(job.status));
  assert.equal(job.method.reinforcement.d3s.steps, 6);
  const listed = [];
  for await (const each of client.fineTuning.jobs.list({ metadata: { team: 'clients' } })) listed.push(each.id);
  assert.deepEqual(listed, [job.id]);
});

await step('live events', async () => {
  // the client has no method for a live stream, but it can read one
  const response = await client.get(`/fine_tuning/jobs/${job.id}/events`, {
    headers: { Accept: 'text/event-stream' },
    stream: true,
  });
  const events = [];
  for await (const event of response) events.push(event);
  const steps = events.filter((event) => event.type === 'metrics').map((event) => event.data.step);
  assert.deepEqual(steps, [-1, 0, 1, 2, 3, 4, 5]);
});

await step('pages of events', async () => {
  const events = [];
  for await (const event of client.fineTuning.jobs.listEvents(job.id, { limit: 3 })) events.push(event.id);
  assert.ok(events.length > 7);
  assert.equal(new Set(events).size, events.length);
});

await step('the result', async () => {
  job = await client.fineTuning.jobs.retrieve(job.id);
  assert.equal(job.status, 'succeeded');
  assert.match(job.fine_tuned_model, /^ft:base:.*:node:/);
  const checkpoints = [];
  for await (const each of client.fineTuning.jobs.checkpoints.list(job.id)) checkpoints.push(each.step_number);
  assert.deepEqual(checkpoints, [6, 4, 2]);
});

await step('completions', async () => {
  const completion = await client.completions.create({
    model: 'base', prompt: 'x', n: 2, max_tokens: 3, stop: 'z', seed: 7, logprobs: 1,
  });
  assert.deepEqual(completion.choices.map((choice) => choice.text), ['abc', 'abc']);
  assert.deepEqual(completion.choices.map((choice) => choice.finish_reason), ['length', 'length']);
  let text = '';
  for await (const chunk of await client.completions.create({ model: 'base', prompt: 'x', stream: true })) {
    text += chunk.choices[0]?.text ?? '';
  }
  assert.equal(text, 'abcdef');
});

await step('chat', async () => {
  const messages = [{ role: 'user', content: 'hello there' }];
  const answer = await client.chat.completions.create({ model: 'base', messages, logprobs: true, top_logprobs: 1 });
  assert.equal(answer.choices[0].message.content, 'hello there');
  assert.equal(answer.choices[0].logprobs.content.length, 'hello there'.length);
  const stream = client.chat.completions.stream({ model: 'base', messages, stream_options: { include_usage: true } });
  let pieces = 0;
  stream.on('content', () => { pieces++; });
  const whole = await stream.finalChatCompletion();
  assert.equal(whole.choices[0].message.content, 'hello there');
  assert.ok(pieces > 1);
  assert.ok((await stream.totalUsage()).completion_tokens > 0);
});

await step('errors', async () => {
  await assert.rejects(client.fineTuning.jobs.create({ model: 'nothing', training_file: file.id }), (e) => {
    assert.ok(e instanceof OpenAI.BadRequestError);
    assert.equal(e.status, 400);
    assert.equal(e.param, 'model');
    assert.equal(e.code, 'model_not_found');
    return true;
  });
  await assert.rejects(client.fineTuning.jobs.retrieve('ftjob-none'), OpenAI.NotFoundError);
  await assert.rejects(client.fineTuning.jobs.cancel(job.id), OpenAI.ConflictError);
  await assert.rejects(client.chat.completions.create({
    model: 'base', messages: [{ role: 'user', content: 'busy' }],
  }), OpenAI.RateLimitError);
  await assert.rejects(client.chat.completions.create({ model: 'base', messages: [], temperature: 9 }), (e) => {
    assert.ok(e instanceof OpenAI.BadRequestError);
    assert.equal(e.error.errors.length, 2);
    return true;
  });
});

await step('deleting', async () => {
  assert.equal((await client.models.delete(job.fine_tuned_model)).deleted, true);
  assert.equal((await client.files.delete(file.id)).deleted, true);
  await assert.rejects(client.files.retrieve(file.id), OpenAI.NotFoundError);
});
