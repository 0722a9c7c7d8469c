"""What a results directory says: its analysis, its looks, where its study stands; and the same of anyone's scores."""
