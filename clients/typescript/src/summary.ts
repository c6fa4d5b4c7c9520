import type { Task } from './model/task.js';

/** Tasks as a text for a prompt, in the form that prompts for Acontext have. */
export function summary(tasks: Task[]): string {
  return tasks
    .flatMap(({ order, data }) => [
      `<task id="${order}" description="${data.task_description}">`,
      ...section('progress', data.progresses),
      ...section('user_preference', data.user_preferences),
      '</task>',
    ])
    .join('\n');
}

function section(name: string, lines: string[] | null | undefined): string[] {
  if (!lines?.length) return [];
  return [`<${name}>`, ...lines.map((line, index) => `${index + 1}. ${line}`), `</${name}>`];
}
