"""The forms. Each checks what only a form can know; everything else is refused by the operation it feeds."""
