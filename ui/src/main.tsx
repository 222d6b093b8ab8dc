import { render } from 'preact';

import './style/base.css';
import './theme';
import { App } from './app';
import { begin } from './pages/login';

void begin();
render(<App />, document.getElementById('app')!);
