/** What a newcomer is told where history ends, and its client knows it by. */
export const HISTORY_END = "* until here what was said before\n";
