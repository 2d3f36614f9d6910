"""Photos of labels: shown to members of their account only."""

from __future__ import annotations

from typing import IO

from django import forms
from django.conf import settings
from django.http import FileResponse, Http404
from django.urls import path

from portal.accounts.access import MemberRequest, get_account_object_or_404, member_required
from portal.db.keyset import parse_id
from reputation.models import LabelPhoto
from reputation.test_calls.photos import PhotoRefused, store_photo


class PhotoField(forms.FileField):
    """A photo of a label. Put it last in a form: of a request that is too large, only fields before it count."""

    def __init__(self) -> None:
        super().__init__(
            label="Photo of the label",
            required=False,
            allow_empty_file=True,  # store_photo says what is wrong with it
            max_length=1_000,
            help_text=f"JPEG, PNG or WebP, up to {settings.TEST_CALLS.photo_mb} MB. Only your account's people see it. "
            "Place, time and camera are removed.",
            widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
        )


def get_upload_limit_mb() -> int:
    """The largest request with a photo: a megabyte more than the photo itself."""
    return min(settings.UPLOAD_LIMIT_MB, settings.TEST_CALLS.photo_mb + 1)


def keep_photo(request: MemberRequest, form: forms.Form) -> LabelPhoto | None:
    """The photo that comes with the form, or that came before with other values that were wrong.

    A photo is stored although another field is wrong, so that nobody has to choose it again. The hidden field
    `stored_photo` of the form names it. What is wrong with a photo becomes an error of the field `photo`.
    """
    form.is_valid()
    stored = LabelPhoto.objects.for_account(request.account).filter(pk=parse_id(request.POST.get("stored_photo")))
    photo = stored.first()
    upload: IO[bytes] | None = request.FILES.get("photo")
    try:
        if getattr(request, "too_large", False):
            raise PhotoRefused(f"The photo is larger than {settings.TEST_CALLS.photo_mb} MB. Send a smaller one.")
        if upload and "photo" not in form.errors:
            photo = store_photo(request.account, upload, now=request.context.now, name=upload.name or "")
    except PhotoRefused as refused:
        form.add_error("photo", str(refused))
    data = request.POST.copy()
    data["stored_photo"] = str(photo.pk) if photo else ""
    form.data = data
    if photo:
        form["photo"].help_text = "Your photo is kept. Choose another file to replace it."
    return photo


@member_required
def label_photo(request: MemberRequest, pk: int) -> FileResponse:
    """The photo. Nobody keeps it, not even the browser: the phone in it may show more than the label."""
    photo = get_account_object_or_404(request, LabelPhoto, pk)
    try:
        content = photo.file.open("rb")
    except FileNotFoundError:
        raise Http404("The photo was deleted.") from None
    return FileResponse(
        content,
        content_type="image/jpeg",
        filename=f"label-{photo.pk}.jpg",
        headers={"X-Content-Type-Options": "nosniff"},
    )


urls = [path("number-management/label-photos/<int:pk>/", label_photo, name="label-photo")]
