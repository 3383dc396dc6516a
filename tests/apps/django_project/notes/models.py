from django.db import models


class Note(models.Model):
    owner = models.ForeignKey("auth.User", on_delete=models.CASCADE)
    name = models.CharField(max_length=200)
    data = models.BinaryField()
