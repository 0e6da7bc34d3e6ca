"""Finding what an object keeps in its attributes, lists, tuples and dicts."""

from minidl.core.object_graph import children, unique, without


class Item:
    """What is looked for."""


class Owner:
    """What it is looked for in."""


def test_order_nesting_and_repetitions():
    a, b, c, d, e = (Item() for _ in range(5))
    owner = Owner()
    owner.first, owner.number, owner.text, owner.nothing = a, 3, "text", None
    owner.nested = [b, ({"x": c, "y": [a, 1, "b"]}, 2.5), None]
    owner.again = (b, d)
    owner.inner = Owner()
    owner.inner.hidden = Item()
    owner._init_arguments = ((e,), {})
    assert children(owner, Item) == [a, b, c, d]
    assert children(owner, Owner) == [owner.inner]
    assert children(Owner(), Item) == []


def test_what_changes_is_never_out_of_date():
    owner, items = Owner(), [Item(), Item()]
    owner.items = [items[0]]
    assert children(owner, Item) == items[:1]
    owner.items.append(items[1])
    assert children(owner, Item) == items
    del owner.items[0]
    assert children(owner, Item) == items[1:]


def test_same_objects_count_once_but_equal_ones_do_not():
    class Equal(Item):
        def __eq__(self, other):
            return True

        __hash__ = object.__hash__

    a, b = Equal(), Equal()
    owner = Owner()
    owner.items = [a, b, a]
    assert [id(item) for item in children(owner, Equal)] == [id(a), id(b)]
    assert [id(item) for item in unique([b, a, b])] == [id(b), id(a)]
    assert [id(item) for item in without([a, b, a], [a])] == [id(b)]
