import { lazy } from './lazy';
import { session, staged } from './live/live';
import { path } from './route';
import { Notices } from './parts/notice';
import { BoardPage } from './pages/board/board';
import { LoginPage } from './pages/login';
import { Shell } from './shell';

// What is not on the first page is loaded when it is first looked at.
const ServicePage = lazy(() => import('./pages/service/service').then((m) => m.ServicePage));
const MapPage = lazy(() => import('./pages/map/map').then((m) => m.MapPage));
const EventsPage = lazy(() => import('./pages/events').then((m) => m.EventsPage));
const AlertsPage = lazy(() => import('./pages/alerts').then((m) => m.AlertsPage));
const AuditPage = lazy(() => import('./pages/audit').then((m) => m.AuditPage));
const TokensPage = lazy(() => import('./pages/tokens').then((m) => m.TokensPage));
const ServerPage = lazy(() => import('./pages/server').then((m) => m.ServerPage));

function Page() {
  const [first = '', ...rest] = path.value.slice(1).split('/');
  switch (first) {
    case '':
      return <BoardPage />;
    case 'service':
      return <ServicePage service={decoded(rest.join('/'))} />;
    case 'map':
      return <MapPage />;
    case 'events':
      return <EventsPage />;
    case 'alerts':
      return <AlertsPage />;
    case 'audit':
      return <AuditPage />;
    case 'tokens':
      return <TokensPage />;
    case 'server':
      return <ServerPage />;
    default:
      return <p class="page">There is no such page. <a href="/">The board</a></p>;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // no service is called so, and the page says it
  }
}

// The page of made-up states is for development; a build has nothing of it.
const Storybook = import.meta.env.DEV ? lazy(() => import('./pages/storybook/storybook').then((m) => m.Storybook)) : null;

export function App() {
  if (Storybook && staged) return <Storybook />;
  if (session.value === undefined) return <p class="page muted">Asking the manager who you are …</p>;
  if (session.value === null) return <LoginPage />;
  return (
    <>
      <Shell>
        <Page />
      </Shell>
      <Notices />
    </>
  );
}
