import { onUpdate } from './updates.js';

onUpdate(() => {});
