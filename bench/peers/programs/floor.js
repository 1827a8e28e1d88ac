// The least that answers over stdio in Node.js: two system calls a message, replies made beforehand.
'use strict';
const { readSync, writeSync } = require('node:fs');

const replies = { OpenSession: String.raw`@OPENED@`, Read: String.raw`@READ@`, CloseSession: '{}' };

function between(text, before, ends) {
  const start = text.indexOf(before) + before.length;
  return text.slice(start, text.slice(start).search(ends) + start);
}

writeSync(1, 'CRONIX-PLUGIN-V1 stdio\n');
const buffer = Buffer.alloc(65536);
for (let size; (size = readSync(0, buffer)) > 0; ) {
  const request = buffer.latin1Slice(0, size);
  const id = between(request, '"id":', /[,}]/);
  const reply = replies[between(request, '"method":"', /"/)];
  writeSync(1, `{"jsonrpc":"2.0","id":${id},"result":${reply}}\n`);
}
