// Texts of rules and scenarios on their way to the server.

import { api } from './api.js';

const TOML = { type: 'application/toml' };

// Mounts the text of a rule, or replaces a mounted rule by it.
export const mountText = (text, replaced) => (replaced ? api.put(`rules/${replaced.number}`, text, TOML) : api.post('rules', text, TOML));

export const checkScenario = (text) => api.post('scenarios/check', { text });

// A rule is checked as a scenario with nothing else; the first line is that of the scenario.
export async function checkRule(text) {
  const { problems, warnings } = await checkScenario(`mailjig = 1\n${text}`);
  const below = ({ line, ...problem }) => ({ ...problem, line: line && Math.max(1, line - 1) });
  return { problems: problems.map(below), warnings: warnings.map(below) };
}
