// What a script and its test say to each other: the script asks for a kill, and goes on with its work until it is told that all copies are there again.
import { createInterface } from 'node:readline';

// The primary that holds a key, which must be there, is killed, and comes back as a follower.
export function kill(key) {
  const state = { isOver: false };
  const lines = createInterface({ input: process.stdin });
  state.over = new Promise((resolve) => {
    lines.on('line', (line) => {
      if (line !== 'whole') return;
      state.isOver = true;
      lines.close();
      resolve();
    });
  });
  console.log(`kill ${key}`);
  return state;
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Whether nobody knows what became of a command: the node was lost that had it.
export const isUnknown = (error) => String(error?.message ?? error).startsWith('UNKNOWN ');
