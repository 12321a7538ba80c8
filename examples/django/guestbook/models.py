"""What the site keeps: what guests wrote, and what they left."""

from django.db import models


class Entry(models.Model):
    """A line in the guestbook."""

    name = models.CharField("your name", max_length=60)
    message = models.TextField("your message", max_length=500)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created", "-pk"]
        verbose_name_plural = "entries"

    def __str__(self):
        return f"{self.name}: {self.message[:40]}"


class Upload(models.Model):
    """A file a guest left, with the SHA-256 of what really arrived."""

    file = models.FileField(upload_to="uploads")
    name = models.CharField(max_length=255)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField("SHA-256", max_length=64)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created", "-pk"]

    def __str__(self):
        return self.name
