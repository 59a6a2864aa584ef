/** Clears the terminal, for output that is redrawn (`--watch`). */
import { clearScreenDown, cursorTo } from "node:readline";

/** Empties stdout's screen: what is printed next stands at its top. Only for a terminal (`io.terminal.out`). */
export const clearScreen = (): void => {
  cursorTo(process.stdout, 0, 0);
  clearScreenDown(process.stdout);
};
