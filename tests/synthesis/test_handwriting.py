import torch
from scipy import ndimage

from tenfold.synthesis.handwriting import crossed, national, neighbored, posed, redrawn, scanned, with_serifs

LABELS = torch.tensor([7] * 30)


def test_a_crossed_seven_has_ink_on_both_sides_of_its_stem(sevens):
    barred = crossed(sevens)
    added = (barred - sevens) > 100
    rows = added.any(dim=2)
    assert rows.any(dim=1).all()
    middle = torch.stack([row.nonzero().float().mean() for row in rows])
    assert ((middle > 10) & (middle < 19)).all(), "below the middle of 5 to 23, above the foot"
    for image in added.numpy():
        assert ndimage.label(image)[1] >= 2  # left and right of the stem


def test_serifs_touch_the_stem_and_stay_on_its_ends(ones):
    changed = with_serifs(ones)
    assert ((changed - ones).sum(dim=(1, 2)) > 0).all()
    for image in (changed > 120).numpy():
        assert ndimage.label(image, torch.ones(3, 3).numpy())[1] == 1


def test_only_a_share_of_ones_sevens_and_nines_becomes_national(circles, sevens):
    assert torch.equal(national(circles, torch.zeros(30).long(), 1.0), circles)
    assert torch.equal(national(sevens, LABELS, 0.0), sevens)
    changed = (national(sevens, LABELS, 1.0) != sevens).any(dim=2).any(dim=1)
    assert changed.all()
    skew = sevens.clone()
    skew[:, :, :10] = 0
    mirrored = (national(skew, torch.full((30,), 9), 1.0) == skew.flip(2)).all(dim=2).all(dim=1)
    assert 0 < mirrored.sum() < 20


def test_pens_differ_but_the_place_stays(circles):
    drawn = redrawn(circles)
    ink = (drawn > 127).sum(dim=(1, 2))
    assert ink.max() > 2 * ink.min()
    line = torch.arange(28) + 0.5
    for axis in (1, 2):
        center = (drawn.sum(dim=axis) * line).sum(dim=1) / drawn.sum(dim=(1, 2))
        assert (center - 14).abs().max() < 0.7
    assert (drawn[:, 13:15, 4:10].amax(dim=(1, 2)) > 150).all()  # the ring's left side is drawn


def test_neighbors_leave_the_middle_alone(circles):
    beside = neighbored(circles)
    assert torch.equal(beside[:, :, 10:18], circles[:, :, 10:18])
    assert ((beside - circles).amax(dim=(1, 2)) > 50).float().mean() > 0.3


def test_a_scan_fills_the_box_of_twenty_pixels(circles):
    scans = scanned(circles)
    assert scans.shape == circles.shape
    assert scans[:, :4].sum() + scans[:, -4:].sum() + scans[:, :, :4].sum() + scans[:, :, -4:].sum() == 0
    assert (scans[:, 4:7].amax(dim=(1, 2)) > 60).all()
    assert (scans[:, :, 4:7].amax(dim=(1, 2)) > 60).all()


def test_no_strength_is_no_change(circles):
    torch.testing.assert_close(posed(circles, torch.zeros(30)), circles, atol=0.05, rtol=0)
    assert (posed(circles, torch.ones(30)) - circles).abs().mean() > 5
