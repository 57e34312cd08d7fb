import './updates.js';
