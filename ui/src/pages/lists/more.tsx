import type { Paged } from './pager';

/** What stands below a list: that it loads, that it could not, that there is more. */
export function More({ list, empty }: { list: Paged<unknown>; empty: string }) {
  if (list.error) {
    return (
      <p class="lists-more" role="alert">
        <span class="wrong">This could not be loaded: {list.error.message}</span>
        <button type="button" class="button" onClick={list.items.length > 0 && list.more ? list.next : list.again}>Try again</button>
      </p>
    );
  }
  if (list.loading) return <p class="lists-more muted" role="status">Loading …</p>;
  if (list.more) return <p class="lists-more"><button type="button" class="button" onClick={list.next}>Show older</button></p>;
  return <p class="lists-more muted">{list.items.length === 0 ? empty : 'That is all.'}</p>;
}
